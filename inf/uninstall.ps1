<#
.SYNOPSIS
Removes the svmsave driver, and what install.ps1 did for it.

.DESCRIPTION
Run it as Administrator. Every step is tried, whatever the ones before it found: it may be run after
an installation that was broken off, and any number of times. The certificate is removed if it is
one for tests; test signing is turned off if install.ps1 turned it on.
#>
[CmdletBinding()]
param()

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$Service = 'svmsave'
$StateKey = 'HKLM:\SOFTWARE\svmsave'
$Failures = New-Object -TypeName Collections.Generic.List[string]

function Test-Administrator {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $identity
    $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

# Runs a program of Windows, and remembers any exit code but those given.
function Invoke-Program {
    param([string] $Program, [string[]] $Arguments, [int[]] $Accept = @(0))
    Write-Host "> $Program $Arguments"
    & $Program @Arguments | Out-Host
    if ($LASTEXITCODE -notin $Accept) {
        $Failures.Add("$Program $Arguments ended with $LASTEXITCODE.")
    }
}

function Test-Service {
    [bool] (Get-Service -Name $Service -ErrorAction SilentlyContinue)
}

function Stop-Driver {
    if (-not (Test-Service)) { return }
    # Stopped, and not running.
    Invoke-Program -Program 'sc.exe' -Arguments 'stop', $Service -Accept 0, 1062
    try {
        (Get-Service -Name $Service).WaitForStatus('Stopped', [TimeSpan]::FromSeconds(10))
    }
    catch {
        $Failures.Add('The driver is still running: close every program that uses it, client.exe for one.')
    }
}

# Windows names the packages in its store oem0.inf, oem1.inf and so on; their text says whose they are.
function Get-StoredInf {
    Get-ChildItem -Path (Join-Path -Path $env:SystemRoot -ChildPath 'INF\oem*.inf') |
        Where-Object -FilterScript {
            Select-String -LiteralPath $_.FullName -Pattern '^\s*CatalogFile\s*=\s*svmsave\.cat\s*$' -Quiet
        }
}

function Remove-Package {
    foreach ($inf in @(Get-StoredInf)) {
        # Done, and done once Windows restarts.
        Invoke-Program -Program 'pnputil.exe' -Arguments '/delete-driver', $inf.Name, '/uninstall' -Accept 0, 3010
    }
    if (Test-Service) {
        # Deleted, and deleted as soon as its last handle is closed.
        Invoke-Program -Program 'sc.exe' -Arguments 'delete', $Service -Accept 0, 1072
    }
}

function Remove-Certificate {
    $file = Join-Path -Path $PSScriptRoot -ChildPath 'svmsave.cer'
    if (-not (Test-Path -LiteralPath $file)) {
        Write-Warning -Message "There is no $file, so no certificate was removed."
        return
    }
    $certificate = New-Object -TypeName Security.Cryptography.X509Certificates.X509Certificate2 -ArgumentList $file
    if ($certificate.Subject -ne $certificate.Issuer) { return }
    foreach ($store in 'Root', 'TrustedPublisher') {
        if (Test-Path -LiteralPath "Cert:\LocalMachine\$store\$($certificate.Thumbprint)") {
            Invoke-Program -Program 'certutil.exe' -Arguments '-delstore', $store, $certificate.Thumbprint
        }
    }
}

function Disable-TestSigning {
    if (-not (Test-Path -LiteralPath $StateKey)) { return }
    Invoke-Program -Program 'bcdedit.exe' -Arguments '/set', 'testsigning', 'off'
    Remove-Item -LiteralPath $StateKey -Recurse
    Write-Host 'Test signing will be off after a restart.'
}

if (-not (Test-Administrator)) {
    throw 'This is not elevated: start PowerShell with "Run as administrator".'
}
Stop-Driver
Remove-Package
Remove-Certificate
Disable-TestSigning
if (Test-Service) {
    $Failures.Add('The service is still there: Windows removes it when the last handle to it is closed, or at a restart.')
}
if ($Failures.Count -gt 0) {
    $Failures | ForEach-Object -Process { Write-Warning -Message $_ }
    throw "$($Failures.Count) step(s) are left to do: mend what is named above and run this again."
}
Write-Host 'Nothing of svmsave is left but this folder.'
